"""The topics of the store in SQL that SQLite and PostgreSQL both understand; the databases lie beside this folder."""
