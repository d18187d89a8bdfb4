"""A second workload and its checker, written from ops/promises.md alone: see ops/proof/README.md."""
