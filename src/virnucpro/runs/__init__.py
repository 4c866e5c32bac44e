"""Files on disk: whole or absent, beside a receipt that says what they were made from."""
