"""The parts of provider ``kind``: its container engine's commands, its images, its ingress controller.

================  ==========================================  ===================================================
variable          names                                       for
================  ==========================================  ===================================================
OAMKIT_CLUSTER    the cluster, ``oamkit`` by default          two courses on one machine
OAMKIT_MIRROR     a mirror of Docker Hub                      networks that don't reach Docker Hub
OAMKIT_ARCHIVES   a file of ``docker save``, or a folder      machines without a network
OAMKIT_NODE_IMAGE the node image                              another Kubernetes
OAMKIT_TRAEFIK_IMAGE  the ingress controller's image          another Traefik
================  ==========================================  ===================================================
"""
