using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Torch;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say what a student looks like.</summary>
internal sealed class StudentChoice
{
    private const string Same = "same", DistilBert = "distilbert";

    private readonly Option<string?> _student = Options.Word("--student", $"The student's family: that of the teacher, or of a bert a distilbert. The default is {Same}.", [Same, DistilBert]);
    private readonly Option<int?> _layers = Options.Positive("--layers", "Layers of the student: so many of the teacher's, evenly spread; of a distilbert every second one where none are given.");
    private readonly Option<int?> _decoderLayers = Options.Positive("--decoder-layers", "Layers of the student's decoder. The default is --layers.");
    private readonly Option<int?> _heads = Options.Positive("--heads", "Attention heads of a layer, if not the teacher's; the student then begins with values that are drawn.");
    private readonly Option<int?> _embedding = Options.Positive("--embedding", "Width of the residual stream, if not the teacher's; the student then begins with values that are drawn.");

    public StudentChoice() => _embedding.Aliases.Add("--hidden");

    public IEnumerable<Option> All => [_student, _layers, _decoderLayers, _heads, _embedding];

    /// <summary>Checks what can be checked without a teacher.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public void Check(ParseResult parsed)
    {
        bool isDistilBert = parsed.GetValue(_student) == DistilBert, isNew = IsNew(parsed);
        if (isDistilBert && isNew) throw new UsageException($"{_student.Name} {DistilBert} keeps the teacher's width and heads; leave {_embedding.Name} and {_heads.Name} out.");
        if (isDistilBert && parsed.GetValue(_decoderLayers) is not null) throw new UsageException($"{_decoderLayers.Name} is for models with a decoder; a {DistilBert} has none.");
        if (parsed.GetValue(_layers) is null && !isDistilBert && !isNew) throw new UsageException($"{_layers.Name} is missing: how many layers the student has.");
    }

    /// <summary>Makes the student of a teacher.</summary>
    public ITransformerModel Create(ParseResult parsed, Session session, ITransformerModel teacher, torch.Device device)
    {
        int? layers = parsed.GetValue(_layers), decoderLayers = parsed.GetValue(_decoderLayers) ?? layers;
        if (teacher is not ISequenceToSequenceModel && parsed.GetValue(_decoderLayers) is not null) throw new UsageException($"{_decoderLayers.Name} is for models with a decoder; a {teacher.ModelType} has none.");
        if (IsNew(parsed))
        {
            using torch.Generator generator = new RandomStreams(session.Seed).CreateGenerator("init");
            ITransformerModel student = StudentInitializer.Create(teacher, new() { LayerCount = layers, DecoderLayerCount = decoderLayers, HeadCount = parsed.GetValue(_heads), EmbeddingDim = parsed.GetValue(_embedding) }, generator);
            ((torch.nn.Module)student).to(device);
            return student;
        }
        string scratch = Directory.CreateTempSubdirectory("pretrain-student-").FullName;
        try
        {
            if (parsed.GetValue(_student) == DistilBert)
            {
                BertModel bert = teacher as BertModel ?? throw new UsageException($"{_student.Name} {DistilBert} takes layers of a bert, and --teacher holds a {teacher.ModelType}.");
                StudentInitializer.SaveDistilBert(bert, scratch, layers is { } count ? LayerSelection.Spread(count) : LayerSelection.Every(2));
            }
            else
            {
                StudentInitializer.Save(teacher, scratch, LayerSelection.Spread(layers!.Value), teacher is ISequenceToSequenceModel ? LayerSelection.Spread(decoderLayers!.Value) : null);
            }
            return ModelFolder.LoadModel(session, scratch, device, teacher.Head);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private bool IsNew(ParseResult parsed) => parsed.GetValue(_heads) is not null || parsed.GetValue(_embedding) is not null;
}
