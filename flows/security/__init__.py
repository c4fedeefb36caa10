"""What gfpipe's Prefect server and its scheduled runs accept: requests of this machine, and the site's own work."""
