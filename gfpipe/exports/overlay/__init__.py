"""The faces of a recording in the formats of players and annotation tools: subtitles, ELAN, Web Annotation."""
