"""The log seen from outside: witnesses, monitors and mirrors, with nothing but its notes and files."""
