"""A Kubernetes of local processes: supervisor, node agent, container runtimes, Services and DNS."""
