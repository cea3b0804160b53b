"""Every revision of the schema, run by ``cmdb.engine.upgrade``."""
