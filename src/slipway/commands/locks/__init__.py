"""The locks: propose newer versions of the locked packages, and look for known vulnerabilities in them."""
