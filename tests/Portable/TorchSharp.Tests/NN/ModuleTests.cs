using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.NN;

public class ModuleTests
{
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly Linear up = nn.Linear(5, 7);
        private readonly Dropout drop = nn.Dropout(0.3);
        private readonly Linear down;
        private readonly Parameter scale;
        private readonly Tensor table;

        public Block(ScalarType? dtype = null) : base(nameof(Block))
        {
            down = nn.Linear(7, 5, hasBias: false, dtype: dtype);
            scale = new Parameter(ones(5));
            table = arange(3);
            RegisterComponents();
        }

        public Parameter Scale => scale;

        public Tensor Table => table;

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            return (down.call(drop.call(up.call(input))) * scale).MoveToOuterDisposeScope();
        }
    }

    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly Embedding embed = nn.Embedding(11, 5);
        private readonly ModuleList<Block> blocks = new(new Block(), new Block());
        private readonly Sequential head = nn.Sequential(("norm", nn.LayerNorm(5)), ("out", nn.Linear(5, 11)));

        public Net() : base(nameof(Net)) => RegisterComponents();

        public Embedding Embed => embed;

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            Tensor x = embed.call(input);
            foreach (Block b in blocks) x = x + b.call(x);
            return head.call(x).MoveToOuterDisposeScope();
        }
    }

    private sealed class Tied : nn.Module<Tensor, Tensor>
    {
        private readonly Embedding embed = nn.Embedding(7, 3);
        private readonly Linear output;

        public Tied() : base(nameof(Tied))
        {
            output = nn.Linear(embed.weight!);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => output.call(embed.call(input));
    }

    [Fact]
    public void NamedParameters_Nested_HasFieldNamesInDeclarationOrder()
    {
        using var net = new Net();
        Assert.Equal(
            [
                "embed.weight",
                "blocks.0.scale", "blocks.0.up.weight", "blocks.0.up.bias", "blocks.0.down.weight",
                "blocks.1.scale", "blocks.1.up.weight", "blocks.1.up.bias", "blocks.1.down.weight",
                "head.norm.weight", "head.norm.bias", "head.out.weight", "head.out.bias",
            ],
            net.named_parameters().Select(p => p.name));
        Assert.Equal(["blocks.0.table", "blocks.1.table"], net.named_buffers().Select(b => b.name));
        Assert.Equal(["embed", "blocks", "head"], net.named_children().Select(c => c.name));
        Assert.Equal(
            ["embed", "blocks", "head", "blocks.0", "blocks.1", "blocks.0.up", "blocks.0.drop", "blocks.0.down", "blocks.1.up", "blocks.1.drop", "blocks.1.down", "head.norm", "head.out"],
            net.named_modules().Select(m => m.name));
    }

    [Fact]
    public void NamedParameters_WithoutRecursion_HasOwnOnes()
    {
        using var block = new Block();
        Assert.Equal(["scale"], block.named_parameters(false).Select(p => p.name));
        Assert.Equal(4, block.parameters().Count());
    }

    [Fact]
    public void GetParameter_ByPath_FindsTheObject()
    {
        Package.Skip("an embedding makes a new object each time that its weight is asked for");
        using var net = new Net();
        Assert.Same(net.Embed.weight, net.get_parameter("embed.weight"));
        Assert.True(net.has_parameter("blocks.1.up.bias"));
        Assert.False(net.has_parameter("blocks.2.up.bias"));
        Assert.False(net.has_parameter("blocks"));
        Assert.Null(net.get_parameter("blocks.1.nothing"));
        Assert.True(net.has_buffer("blocks.0.table"));
        Assert.Equal([3L], net.get_buffer("blocks.0.table")!.shape);
        Assert.Null(net.get_buffer("table"));
    }

    [Fact]
    public void RegisterComponents_TiedWeight_IsOneParameterUnderTwoKeys()
    {
        Package.Skip("an embedding makes a new object each time that its weight is asked for");
        using var tied = new Tied();
        Assert.Equal(["embed.weight"], tied.named_parameters().Select(p => p.name));
        Assert.Equal(["embed.weight", "output.weight"], tied.state_dict().Keys);
    }

    [Fact]
    public void Register_TwiceOrNull_Throws()
    {
        using var block = new Block();
        Assert.Contains("already registered", Assert.Throws<InvalidOperationException>(() => block.register_parameter("scale", block.Scale)).Message);
        Assert.Contains("already registered", Assert.Throws<InvalidOperationException>(() => block.register_buffer("table", block.Table)).Message);
        Assert.Throws<ArgumentNullException>(() => block.register_buffer("other", null!));
        using Linear linear = nn.Linear(2, 3);
        Assert.Throws<ArgumentException>(() => block.register_module("a.b", linear));
        Assert.Throws<ArgumentException>(() => block.register_module("", linear));
        block.register_module("more", linear);
        Assert.Throws<InvalidOperationException>(() => block.register_module("more", linear));
        block.register_module("more", null!);
        Assert.DoesNotContain("more", block.named_children().Select(c => c.name));
    }

    [Fact]
    public void RegisterBuffer_NotPersistent_IsLeftOutOfStateDict()
    {
        using var block = new Block();
        using Tensor mask = ones(2);
        block.register_buffer("mask", mask, persistent: false);
        Assert.DoesNotContain("mask", block.state_dict().Keys);
        Assert.True(block.has_buffer("mask"));
    }

    [Fact]
    public void StateDict_RoundTrip_CopiesValues()
    {
        using var a = new Net();
        using var b = new Net();
        var (missing, unexpected) = b.load_state_dict(a.state_dict());
        Assert.Empty(missing);
        Assert.Empty(unexpected);
        Dictionary<string, Tensor> first = a.state_dict(), second = b.state_dict();
        Assert.Equal(first.Keys, second.Keys);
        Assert.Equal(15, first.Count);
        foreach (string key in first.Keys)
        {
            Assert.NotSame(first[key], second[key]);
            Assert.True(first[key].Same(second[key]), key);
        }
    }

    [Fact]
    public void StateDict_WithPrefix_AddsToTheDestination()
    {
        using var block = new Block();
        Dictionary<string, Tensor> all = new() { ["x"] = block.Table };
        Assert.Same(all, block.state_dict(all, "layer"));
        Assert.Equal(["x", "layer.scale", "layer.up.weight", "layer.up.bias", "layer.down.weight", "layer.table"], all.Keys);
    }

    [Fact]
    public void LoadStateDict_NamesDiffer_ThrowsOrReports()
    {
        using var net = new Block();
        using Tensor extra = ones(2);
        Dictionary<string, Tensor> source = net.state_dict();
        source.Remove("scale");
        source.Add("extra", extra);
        string message = Assert.Throws<InvalidOperationException>(() => net.load_state_dict(source)).Message;
        Package.Skip("the message names no parameter");
        Assert.Contains("scale", message);
        Assert.Contains("extra", message);

        var (missing, unexpected) = net.load_state_dict(source, strict: false);
        Assert.Equal(["scale"], missing);
        Assert.Equal(["extra"], unexpected);
        (missing, unexpected) = net.load_state_dict(source, skip: ["scale", "extra"]);
        Assert.Empty(missing);
        Assert.Empty(unexpected);
    }

    [Fact]
    public void LoadStateDict_ShapesDiffer_NamesTheParameter()
    {
        using Linear small = nn.Linear(2, 3), large = nn.Linear(2, 5);
        Package.Skip("the message is libtorch's, which names no parameter");
        string message = Assert.Throws<ArgumentException>(() => small.load_state_dict(large.state_dict())).Message;
        Assert.Contains("'weight' has shape [5, 2] in the source and [3, 2] in the module", message);
    }

    [Fact]
    public void Train_OnTheRoot_ReachesEveryModule()
    {
        using var net = new Net();
        Assert.True(net.training);
        net.eval();
        Assert.False(net.training);
        Assert.All(net.modules(), m => Assert.False(m.training));
        net.train();
        Assert.All(net.modules(), m => Assert.True(m.training));
    }

    [Fact]
    public void Apply_VisitsChildrenFirst()
    {
        using var net = new Net();
        var names = new List<string>();
        net.apply(m => names.Add(m.GetName()));
        Package.Skip("modules that are libtorch's have names like torch::nn::EmbeddingImpl");
        Assert.Equal(["Embedding", "Linear", "Dropout", "Linear", "Block", "Linear", "Dropout", "Linear", "Block", "ModuleList", "LayerNorm", "Linear", "Sequential", "Net"], names);
    }

    [Fact]
    public void ZeroGrad_AfterBackward_ClearsOrZeroes()
    {
        using Linear linear = nn.Linear(3, 2);
        using (NewDisposeScope())
        {
            linear.call(ones(5, 3)).sum().backward();
            Assert.Equal(5f, linear.bias!.grad![0].item<float>());
            linear.zero_grad(set_to_none: false);
            Assert.Equal(0f, linear.weight.grad!.abs().sum().item<float>());
            linear.zero_grad();
            Assert.Null(linear.weight.grad);
            Assert.Null(linear.bias.grad);
        }
    }

    [Fact]
    public void Hooks_InOrder_SeeAndChangeInputAndOutput()
    {
        using var scope = NewDisposeScope();
        using Linear linear = nn.Linear(3, 2);
        var log = new List<string>();
        var removers = new List<Action>
        {
            linear.register_forward_pre_hook((nn.Module m) => log.Add("module before")).remove,
            linear.register_forward_pre_hook((m, x) => { log.Add("before"); return x * 2; }).remove,
            linear.register_forward_hook((m, x, y) => { log.Add("after"); return y + 1; }).remove,
            linear.register_forward_hook((nn.Module m) => log.Add("module after")).remove,
        };
        Tensor input = ones(5, 3);
        Tensor hooked = linear.call(input);
        Assert.Equal(["module before", "before", "after", "module after"], log);
        Assert.True(hooked.allclose(linear.forward(input * 2) + 1));

        removers.ForEach(r => r());
        Assert.True(linear.call(input).Same(linear.forward(input)));
        Assert.Equal(4, log.Count);
    }

    [Fact]
    public void Hooks_TwoInputs_ReplaceBoth()
    {
        using var scope = NewDisposeScope();
        using var cosine = nn.CosineSimilarity();
        Tensor a = randn(3, 5), b = randn(3, 5);
        cosine.register_forward_pre_hook((m, x, y) => (y, -x));
        Assert.True(cosine.call(a, b).allclose(-cosine.forward(a, b)));
    }

    [Fact]
    public void ToDtype_ConvertsParametersKeepsIntegersAndReplacesObjects()
    {
        using var net = new Net();
        using var scope = NewDisposeScope();
        net.call(tensor(new long[] { 1, 3 })).sum().backward();
        Parameter before = net.Embed.weight!;
        float[] values = before.data<float>().ToArray();
        Assert.Same(net, net.to(ScalarType.Float64));
        Assert.All(net.parameters(), p => Assert.Equal(ScalarType.Float64, p.dtype));
        Assert.All(net.buffers(), b => Assert.Equal(ScalarType.Int64, b.dtype));
        Assert.NotSame(before, net.Embed.weight);
        Package.Skip("an embedding makes a new object each time that its weight is asked for");
        Assert.True(before.IsInvalid);
        Assert.Same(net.Embed.weight, net.get_parameter("embed.weight"));
        Assert.Equal(values.Select(v => (double)v), net.Embed.weight!.data<double>().ToArray());
        Assert.Equal(ScalarType.Float64, net.Embed.weight!.grad!.dtype);
        Assert.All(net.parameters(), p => Assert.True(p.requires_grad && p.is_leaf));
        using Tensor result = net.call(tensor(new long[] { 1, 3 }));
        Assert.Equal(ScalarType.Float64, result.dtype);
    }

    [Fact]
    public void To_NothingToDo_KeepsTheObjects()
    {
        using var net = new Net();
        Parameter[] before = [.. net.parameters()];
        net.to(ScalarType.Float32).to(CPU).cpu();
        Assert.Equal(before, net.parameters(), ReferenceEqualityComparer.Instance);
    }

    [Fact]
    public void ToDtype_FieldOfAUserModule_IsReplacedInTheField()
    {
        using var block = new Block();
        block.@double();
        Assert.Equal(ScalarType.Float64, block.Scale.dtype);
        Assert.Same(block.Scale, block.get_parameter("scale"));
    }

    [Fact]
    public void To_Integers_Throws()
    {
        Package.Skip("the message is libtorch's");
        using Linear linear = nn.Linear(2, 3);
        Assert.Contains("floating point", Assert.Throws<ArgumentException>(() => linear.to(ScalarType.Int64)).Message);
    }

    [Fact]
    public void ParameterLessModule_RefusesParameters()
    {
        using Dropout dropout = nn.Dropout();
        using Linear linear = nn.Linear(2, 3);
        Assert.Throws<InvalidOperationException>(() => dropout.register_parameter("p", linear.weight));
        Assert.Throws<InvalidOperationException>(() => dropout.register_buffer("b", linear.weight));
        Assert.Throws<InvalidOperationException>(() => dropout.register_module("m", linear));
    }

    [Fact]
    public void Train_ThreeSteps_LowersTheLoss()
    {
        manual_seed(5);
        using var net = new Net();
        using var scope = NewDisposeScope();
        Tensor input = tensor(new long[] { 1, 3, 7 }), target = tensor(new long[] { 3, 7, 1 });
        net.eval();
        var losses = new List<float>();
        for (int step = 0; step < 3; step++)
        {
            net.zero_grad();
            Tensor loss = nn.functional.cross_entropy(net.call(input), target);
            losses.Add(loss.item<float>());
            loss.backward();
            using IDisposable noGrad = no_grad();
            foreach (Parameter p in net.parameters()) p.add_(p.grad!, alpha: -0.1);
        }
        Assert.True(losses[0] > losses[1] && losses[1] > losses[2], string.Join(", ", losses));
    }
}
