"""The CIB, the configuration and status of Pacemaker, as XML: read into a question, and written."""
