"""The verification: laws that any port must obey, adapters for ports, the judge, and reports."""
