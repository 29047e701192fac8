"""Statistics on plain arrays that several packages use."""
