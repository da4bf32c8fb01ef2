"""Made data for the demo. What is real in them and what is made is said where they are made."""
