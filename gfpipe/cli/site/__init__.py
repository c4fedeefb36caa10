"""Commands of those who operate a site."""
