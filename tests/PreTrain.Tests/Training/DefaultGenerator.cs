namespace PreTrain.Tests.Training;

/// <summary>Tests that depend on what torch's default generator draws. It belongs to the whole process, so nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class DefaultGenerator
{
    /// <summary>The collection's name.</summary>
    public const string Name = "Default generator";
}
