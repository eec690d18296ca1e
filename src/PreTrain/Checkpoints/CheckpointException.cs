namespace PreTrain.Checkpoints;

/// <summary>
/// A checkpoint on disk cannot be used: a file is missing, unreadable, truncated or damaged, or a tensor in it does not fit.
/// The message names the file, the tensor and, where shapes differ, both of them.
/// </summary>
public sealed class CheckpointException : Exception
{
    private const int MaxListed = 50;

    /// <summary>Creates the exception for a fault of a file or folder.</summary>
    /// <param name="file">The path of the file or folder at fault.</param>
    /// <param name="fault">What is wrong, as a sentence.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public CheckpointException(string file, string fault, Exception? innerException = null)
        : base($"{file}: {fault}", innerException) => File = file;

    /// <summary>Creates the exception for a fault of one tensor.</summary>
    /// <param name="file">The path of the file that holds the tensor, or should hold it.</param>
    /// <param name="tensor">The tensor's name in that file.</param>
    /// <param name="fault">What is wrong, as a sentence.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public CheckpointException(string file, string tensor, string fault, Exception? innerException = null)
        : base($"{file}: tensor '{tensor}': {fault}", innerException)
    {
        File = file;
        Tensor = tensor;
    }

    /// <summary>Creates the exception for several faults, which the message lists all, or the first fifty of them.</summary>
    /// <param name="file">The path of the file or folder at fault.</param>
    /// <param name="faults">What is wrong, each as a sentence; at least one.</param>
    public CheckpointException(string file, IReadOnlyList<string> faults)
        : base(faults.Count == 1 ? $"{file}: {faults[0]}" : $"{file}: {faults.Count} faults:\n" + List(faults))
    {
        File = file;
        Faults = faults;
    }

    /// <summary>The path of the file or folder at fault.</summary>
    public string File { get; }

    /// <summary>The name of the tensor at fault; <see langword="null"/> if the fault is not that of one tensor.</summary>
    public string? Tensor { get; }

    /// <summary>The faults one by one, where several were found together; else empty.</summary>
    public IReadOnlyList<string> Faults { get; } = [];

    /// <summary>Whether the file system refused to write the file, so that nothing that was read is at fault.</summary>
    /// <value>The default is false.</value>
    public bool IsUnwritten { get; init; }

    /// <summary>The shape in the file, where shapes differ.</summary>
    public IReadOnlyList<long>? StoredShape { get; private init; }

    /// <summary>The shape that was wanted, where shapes differ.</summary>
    public IReadOnlyList<long>? WantedShape { get; private init; }

    /// <summary>Creates the exception for a tensor whose shape in the file is not the wanted one.</summary>
    /// <param name="file">The path of the file.</param>
    /// <param name="tensor">The tensor's name in that file.</param>
    /// <param name="storedShape">The shape in the file.</param>
    /// <param name="wantedShape">The shape that was wanted.</param>
    /// <returns>The exception.</returns>
    public static CheckpointException ShapeMismatch(string file, string tensor, IReadOnlyList<long> storedShape, IReadOnlyList<long> wantedShape) =>
        new(file, tensor, $"the file has the shape {Text(storedShape)}, and {Text(wantedShape)} is wanted. Is the model's configuration that of this checkpoint?")
        {
            StoredShape = storedShape,
            WantedShape = wantedShape,
        };

    private static string List(IReadOnlyList<string> faults) =>
        string.Join('\n', faults.Take(MaxListed).Select(fault => $"  {fault}")) + (faults.Count > MaxListed ? $"\n  … and {faults.Count - MaxListed} more." : "");

    internal static string Text(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>The exception for a file that the operating system does not let us read.</summary>
    internal static CheckpointException Unreadable(string file, Exception e) => e is FileNotFoundException or DirectoryNotFoundException
        ? new CheckpointException(file, "the file does not exist.", e)
        : new CheckpointException(file, $"the file cannot be read: {e.Message}", e);
}
