"""The register of people who have shut themselves out everywhere, as a country keeps it: an API on loopback, and a command."""
