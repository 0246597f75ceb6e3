"""Trial tables of other laboratories: read, put into metarl's columns, and checked."""
