namespace PreTrain.Checkpoints;

/// <summary>Words about the names of tensors, for messages.</summary>
internal static class TensorNames
{
    private const int Shown = 4;

    /// <summary>The first few names, after a colon; nothing where there are none.</summary>
    internal static string Examples(IReadOnlyList<string> names) =>
        names.Count == 0 ? "" : $": {string.Join(", ", names.Take(Shown))}{(names.Count > Shown ? ", …" : "")}";
}
