"""Programme guides: what each channel broadcasts when, from XMLTV and VDR's ``epg.data``."""
