namespace PreTrain.Export;

/// <summary>What <see cref="OnnxExporter"/> wrote.</summary>
/// <param name="Files">The paths of the files: one, or two where weights lie apart.</param>
/// <param name="Inputs">The names of the graph's inputs.</param>
/// <param name="Outputs">The names of its outputs.</param>
/// <param name="Bytes">The length of the files together.</param>
public sealed record OnnxExportResult(IReadOnlyList<string> Files, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs, long Bytes);
