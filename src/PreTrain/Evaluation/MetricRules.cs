namespace PreTrain.Evaluation;

/// <summary>What all metrics require.</summary>
internal static class MetricRules
{
    internal static void RequirePairs<TExpected, TActual>(IReadOnlyList<TExpected> expected, string expectedName, IReadOnlyList<TActual> actual, string actualName)
    {
        ArgumentNullException.ThrowIfNull(expected, expectedName);
        ArgumentNullException.ThrowIfNull(actual, actualName);
        if (expected.Count == 0) throw new ArgumentException($"{expectedName} is empty; there must be at least one to compare with.", expectedName);
        if (expected.Count != actual.Count) throw new ArgumentException($"{actualName} ({actual.Count}) must be as many as {expectedName} ({expected.Count}).", actualName);
    }

    internal static void RequireReferences(IReadOnlyList<IReadOnlyList<string>> references)
    {
        for (int i = 0; i < references.Count; i++)
            if (references[i].Count == 0) throw new ArgumentException($"references[{i}] is empty; give at least one text, which may be \"\".", nameof(references));
    }
}
