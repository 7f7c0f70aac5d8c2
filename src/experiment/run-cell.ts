/** One cell of a study, simulated. Loaded by path in worker threads, so that they load nothing else. */
