"""What the Snakefile takes from the package; an installed package has the Snakefile in this folder too."""
