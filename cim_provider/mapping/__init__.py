"""CIM classes and associations as rows over one view of the cluster."""
