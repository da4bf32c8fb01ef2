"""Files of people: CSV, JSON and XLSX in, templates and run documents out."""
