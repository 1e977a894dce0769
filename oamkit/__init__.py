"""oamkit: a learning kit for the Open Application Model (OAM) on Kubernetes."""
