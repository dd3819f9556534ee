"""Lists from spreadsheets: tables out of files, and rows out of tables. What is written is the use case's matter."""
