"""The ground everything stands on: records, errors, plug-ins, the run folder, progress. Imports nothing of imbik."""
