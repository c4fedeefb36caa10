"""The server of local pages: access control, connections, and files of the pages."""
