"""Tables that people make in spreadsheets and other programs: CSV files and workbooks, read as text by column."""
