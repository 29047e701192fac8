"""What training on a table loads: torch takes seconds to import, and each stage is a process of its own."""

import subprocess
import sys


def test_a_table_is_trained_and_refitted_without_torch() -> None:
    lines = (
        "import sys",
        "import cfdna_interp.attribution.train",
        "import cfdna_interp.attribution.refit",
        "import cfdna_interp.attribution.tabular.table_route",
        "sys.exit('torch' in sys.modules)",
    )
    assert subprocess.run([sys.executable, "-c", "; ".join(lines)], check=False).returncode == 0
