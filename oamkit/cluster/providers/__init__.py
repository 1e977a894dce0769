"""The places that a cluster can run in, a module each; see :class:`oamkit.cluster.base.Provider`."""
