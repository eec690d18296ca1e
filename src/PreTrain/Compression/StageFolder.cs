using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PreTrain.Checkpoints;

namespace PreTrain.Compression;

/// <summary>Where the stages of a recipe lie: <c>0-original</c> with measures alone, <c>1-prune</c> and so on with a model each, and beside them what they were made from.</summary>
/// <param name="output">The full path of the folder.</param>
internal sealed partial class StageFolder(string output)
{
    private const string DescriptionFile = "compression.json", MeasuresFile = "stage.json", TokensName = "tokens";
    private static readonly JsonSerializerOptions s_written = new() { WriteIndented = true };

    /// <summary>Requires the folder to be free, or to hold stages; beside them may be tokens.</summary>
    /// <exception cref="ArgumentException">It holds something else.</exception>
    internal void Check()
    {
        if (File.Exists(output)) throw new ArgumentException($"Output ('{output}') is a file; it must name a folder.");
        if (!File.Exists(Path.Combine(output, DescriptionFile)) && Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any(entry => Path.GetFileName(entry) != TokensName))
            throw new ArgumentException($"The folder '{output}' is not empty and holds no stages of a recipe; choose another Output.");
    }

    /// <summary>Requires the folder to be free, or to hold stages that were made from the same.</summary>
    /// <param name="description">What they are made from.</param>
    /// <param name="modelFolder">The model that they are made from.</param>
    /// <param name="overwrite">Whether others are deleted.</param>
    /// <exception cref="ArgumentException">It holds something else, or the model that would be deleted.</exception>
    internal void Prepare(JsonObject description, string modelFolder, bool overwrite)
    {
        string file = Path.Combine(output, DescriptionFile);
        Check();
        if (overwrite && Path.GetFullPath(modelFolder).StartsWith(Path.TrimEndingDirectorySeparator(output) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new ArgumentException($"The model ('{modelFolder}') lies in Output ('{output}'), and Overwrite would delete it; choose another Output.");
        bool isOurs = File.Exists(file);
        if (isOurs && !overwrite)
        {
            List<string> differences = Training.CheckpointState.Differences(Read(file), description, "there");
            if (differences.Count > 0)
                throw new ArgumentException($"The folder '{output}' holds the stages of something else: {string.Join(", ", differences)}. Choose another Output, or set Overwrite to delete them.");
        }
        if (isOurs && overwrite)
        {
            foreach (string stage in Directory.GetDirectories(output).Where(folder => StageName().IsMatch(Path.GetFileName(folder)))) Directory.Delete(stage, recursive: true);
            File.Delete(file);
        }
        Directory.CreateDirectory(output);
        AtomicFolder.Recover(output);
        AtomicFile.WriteAllText(file, description.ToJsonString(s_written) + "\n");
    }

    /// <summary>The folder of a stage.</summary>
    internal string Of(int number, string name) => Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"{number}-{name}"));

    /// <summary>The model within a stage's folder; a training keeps it beside its checkpoints.</summary>
    internal static string ModelOf(string stage) => File.Exists(Path.Combine(stage, "config.json")) ? stage : Path.Combine(stage, "model");

    /// <summary>The measures of a stage that is finished; null if it is not.</summary>
    internal static CompressionStep? Finished(string stage, string modelFolder)
    {
        string file = Path.Combine(stage, MeasuresFile);
        return File.Exists(file) ? CompressionStep.Of(Read(file), modelFolder) : null;
    }

    /// <summary>Keeps the measures, with which the stage is finished.</summary>
    internal static void Finish(string stage, CompressionStep step)
    {
        Directory.CreateDirectory(stage);
        AtomicFile.WriteAllText(Path.Combine(stage, MeasuresFile), step.ToJson().ToJsonString(s_written) + "\n");
    }

    [GeneratedRegex("^[0-9]+-(original|prune|distill|quantize)$", RegexOptions.CultureInvariant)]
    private static partial Regex StageName();

    private static JsonObject Read(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) as JsonObject ?? throw new JsonException("it is not an object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException(file, $"it is damaged ({e.Message}); delete the folder it lies in.", e);
        }
    }
}
