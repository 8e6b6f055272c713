"""What benchmarks/privacy_leaks.py stands on: two network namespaces, an outside world that answers everything and sees
every packet, and the tricks that try to get rows there."""
