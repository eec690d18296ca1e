// Torch's threads and random numbers are those of the process, and the tests start processes that use all processors.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
