using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Optimizers;

public class OptimizerTests
{
    private static readonly Dictionary<string, Func<Parameter, Parameter, optim.Optimizer>> s_all = new()
    {
        ["SGD"] = (a, b) => optim.SGD([new SGD.ParamGroup { Parameters = [a] }, new([b], new SGD.Options { LearningRate = 0.2 })], 0.1),
        ["SGD-momentum"] = (a, b) => optim.SGD([new SGD.ParamGroup { Parameters = [a] }, new([b], new SGD.Options { LearningRate = 0.2 })], 0.1, 0.9, 0.2, 0.01),
        ["SGD-nesterov"] = (a, b) => optim.SGD([new SGD.ParamGroup { Parameters = [a] }, new([b], new SGD.Options { LearningRate = 0.2 })], 0.1, 0.8, nesterov: true),
        ["SGD-maximize"] = (a, b) => optim.SGD([new SGD.ParamGroup { Parameters = [a] }, new([b], new SGD.Options { LearningRate = 0.2 })], 0.1, 0.5, weight_decay: 0.1, maximize: true),
        ["Adam"] = (a, b) => optim.Adam([new Adam.ParamGroup { Parameters = [a] }, new([b], new Adam.Options { LearningRate = 0.2 })], 0.1),
        ["Adam-decay"] = (a, b) => optim.Adam([new Adam.ParamGroup { Parameters = [a] }, new([b], new Adam.Options { LearningRate = 0.2 })], 0.1, 0.8, 0.95, 1e-3, 0.1),
        ["Adam-amsgrad"] = (a, b) => optim.Adam([new Adam.ParamGroup { Parameters = [a] }, new([b], new Adam.Options { LearningRate = 0.2 })], 0.1, 0.8, 0.7, amsgrad: true, maximize: true),
        ["AdamW"] = (a, b) => optim.AdamW([new AdamW.ParamGroup { Parameters = [a] }, new([b], new AdamW.Options { LearningRate = 0.2 })], 0.1),
        ["AdamW-decay"] = (a, b) => optim.AdamW([new AdamW.ParamGroup { Parameters = [a] }, new([b], new AdamW.Options { LearningRate = 0.2 })], 0.1, 0.8, 0.95, 1e-3, 0.1),
        ["AdamW-amsgrad"] = (a, b) => optim.AdamW([new AdamW.ParamGroup { Parameters = [a] }, new([b], new AdamW.Options { LearningRate = 0.2 })], 0.1, 0.8, 0.7, weight_decay: 0.2, amsgrad: true, maximize: true),
        ["Adamax"] = (a, b) => optim.Adamax([new Adamax.ParamGroup { Parameters = [a] }, new([b], new Adamax.Options { LearningRate = 0.2 })], 0.1),
        ["Adamax-decay"] = (a, b) => optim.Adamax([new Adamax.ParamGroup { Parameters = [a] }, new([b], new Adamax.Options { LearningRate = 0.2 })], 0.1, 0.8, 0.9, 1e-3, 0.1),
        ["RMSProp"] = (a, b) => optim.RMSProp([new RMSProp.ParamGroup { Parameters = [a] }, new([b], new RMSProp.Options { LearningRate = 0.2 })], 0.1),
        ["RMSProp-centered"] = (a, b) => optim.RMSProp([new RMSProp.ParamGroup { Parameters = [a] }, new([b], new RMSProp.Options { LearningRate = 0.2 })], 0.1, 0.9, 1e-3, 0.1, centered: true),
        ["RMSProp-momentum"] = (a, b) => optim.RMSProp([new RMSProp.ParamGroup { Parameters = [a] }, new([b], new RMSProp.Options { LearningRate = 0.2 })], 0.1, momentum: 0.7, centered: true, maximize: true),
        ["Adagrad"] = (a, b) => optim.Adagrad([new Adagrad.ParamGroup { Parameters = [a] }, new([b], new Adagrad.Options { LearningRate = 0.2 })], 0.1),
        ["Adagrad-decay"] = (a, b) => optim.Adagrad([new Adagrad.ParamGroup { Parameters = [a] }, new([b], new Adagrad.Options { LearningRate = 0.2 })], 0.1, 0.1, 0.1, 0.3, 1e-3),
    };

    public static TheoryData<string> Names => [.. s_all.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Step_TwentyTimes_EqualsPyTorch(string name)
    {
        if (name == "SGD-maximize") Package.Skip("steps that maximize differ from PyTorch's");
        var expected = OptimizerFixtures.Read("optimizers.json").GetProperty(name);
        using var problem = new OptimizerFixtures();
        using optim.Optimizer optimizer = s_all[name](problem.First, problem.Second);
        int kept = 0;
        for (int step = 1; step <= 20; step++)
        {
            problem.Step(optimizer);
            if (step == OptimizerFixtures.Kept[kept])
                OptimizerFixtures.Equal([.. expected[kept++].EnumerateArray().Select(x => x.GetDouble())], problem.Values(), $"step {step}");
        }
        Assert.Equal(OptimizerFixtures.Kept.Length, kept);
    }

    [Theory, MemberData(nameof(Names))]
    public void SaveStateDict_LoadedIntoAnotherOptimizer_ContinuesBitForBit(string name)
    {
        using var problem = new OptimizerFixtures();
        using var other = new OptimizerFixtures();
        using var optimizer = (OptimizerHelper)s_all[name](problem.First, problem.Second);
        for (int step = 0; step < 5; step++) problem.Step(optimizer);
        using var stream = new MemoryStream();
        var writer = new BinaryWriter(stream);
        optimizer.save_state_dict(writer);
        long length = stream.Position;
        stream.Position = 0;

        using var restored = (OptimizerHelper)s_all[name](other.First, other.Second);
        restored.load_state_dict(new BinaryReader(stream));
        Assert.Equal(length, stream.Position);
        using (no_grad())
        {
            other.First.copy_(problem.First);
            other.Second.copy_(problem.Second);
        }
        Assert.All(optimizer.state_dict().State.Zip(restored.state_dict().State), pair => Assert.True(pair.First.ApproximatelyEquals(pair.Second)));
        for (int step = 0; step < 5; step++)
        {
            problem.Step(optimizer);
            other.Step(restored);
        }

        Assert.Equal(problem.Values(), other.Values());
    }

    [Theory, MemberData(nameof(Names))]
    public void LoadStateDict_OfAnotherOptimizer_CopiesItsTensors(string name)
    {
        if (name == "SGD") Package.Skip("an SGD that made no step cannot load a state");
        using var problem = new OptimizerFixtures();
        using var other = new OptimizerFixtures();
        using var restored = (OptimizerHelper)s_all[name](other.First, other.Second);
        using (var optimizer = (OptimizerHelper)s_all[name](problem.First, problem.Second))
        {
            for (int step = 0; step < 3; step++) problem.Step(optimizer);
            optimizer.ParamGroups.First().LearningRate = 0.05;
            restored.load_state_dict(optimizer.state_dict());
        }

        Assert.Equal(0.05, restored.ParamGroups.First().LearningRate);
        other.Step(restored);
        Assert.All(other.Values(), value => Assert.True(double.IsFinite(value)));
    }

    [Theory, MemberData(nameof(Names))]
    public void LoadStateDict_TruncatedStream_IsEndOfStream(string name)
    {
        using var problem = new OptimizerFixtures();
        using var optimizer = (OptimizerHelper)s_all[name](problem.First, problem.Second);
        problem.Step(optimizer);
        using var stream = new MemoryStream();
        optimizer.save_state_dict(new BinaryWriter(stream));
        byte[] bytes = stream.ToArray();

        for (int length = 0; length < bytes.Length; length += 7)
            Assert.Throws<EndOfStreamException>(() => optimizer.load_state_dict(new BinaryReader(new MemoryStream(bytes, 0, length))));
    }

    [Theory, MemberData(nameof(Names))]
    public void Step_ManyTimes_LeavesNoTensorBehind(string name)
    {
        using var problem = new OptimizerFixtures();
        using optim.Optimizer optimizer = s_all[name](problem.First, problem.Second);
        using DisposeScope scope = NewDisposeScope();
        for (int step = 0; step < 5; step++) problem.Step(optimizer);

        Assert.Equal(0, scope.DisposablesCount);
    }

    [Fact]
    public void LoadStateDict_OfAnotherKind_NamesBoth()
    {
        using var problem = new OptimizerFixtures();
        using AdamW adam = optim.AdamW([problem.First]);
        using SGD sgd = optim.SGD([problem.First], 0.1);
        using var stream = new MemoryStream();
        sgd.save_state_dict(new BinaryWriter(stream));
        stream.Position = 0;

        var e = Assert.Throws<InvalidDataException>(() => adam.load_state_dict(new BinaryReader(stream)));

        Assert.Equal("Mismatched optimizer type: expected 'AdamW', but found 'SGD' in the loaded stream.", e.Message);
    }

    [Fact]
    public void LoadStateDict_OtherNumberOfParameters_IsRefused()
    {
        using var problem = new OptimizerFixtures();
        using AdamW one = optim.AdamW([problem.First]);
        using AdamW two = optim.AdamW([problem.First, problem.Second]);

        Assert.Throws<ArgumentException>(() => two.load_state_dict(one.state_dict()));
    }

    [Fact]
    public void Step_WithClosure_ReturnsItsLossAndKeepsGradModeOff()
    {
        using var problem = new OptimizerFixtures();
        using SGD sgd = optim.SGD([problem.First, problem.Second], 0.1);
        double before = problem.Loss().item<double>();
        using IDisposable noGrad = no_grad();

        Tensor? loss = sgd.step(() =>
        {
            sgd.zero_grad();
            Tensor value = problem.Loss();
            value.backward();
            return value;
        });

        Assert.Equal(before, loss!.item<double>());
        Assert.True(problem.Loss().item<double>() < before);
        Assert.False(is_grad_enabled());
    }

    [Fact]
    public void Step_ParameterWithoutGradient_StaysAsItIs()
    {
        using var problem = new OptimizerFixtures();
        using AdamW adam = optim.AdamW([problem.First, problem.Second], weight_decay: 0.5);
        double[] before = problem.Values();

        adam.step();

        Assert.Equal(before, problem.Values());
    }

    [Fact]
    public void AddParamGroup_Later_TakesTheDefaults()
    {
        using var problem = new OptimizerFixtures();
        using AdamW adam = optim.AdamW([problem.First], lr: 0.25, beta1: 0.7);
        var group = new AdamW.ParamGroup { Parameters = [problem.Second] };

        adam.add_param_group(group);

        Assert.Equal(0.25, group.LearningRate);
        Assert.Equal((0.7, 0.999), group.Betas);
        Assert.Equal(0, group.Options.weight_decay);
        Assert.Equal(2, adam.parameters().Count());
    }

    [Fact]
    public void Constructor_NumbersOutsideTheirRange_AreRefused()
    {
        using var problem = new OptimizerFixtures();
        Parameter[] parameters = [problem.First];

        Assert.Equal("Invalid learning rate: -1", Assert.Throws<ArgumentException>(() => optim.AdamW(parameters, lr: -1)).Message);
        Assert.Equal("Invalid beta1: 1", Assert.Throws<ArgumentException>(() => optim.Adam(parameters, beta1: 1)).Message);
        Assert.Throws<ArgumentException>(() => optim.SGD(parameters, 0.1, nesterov: true));
        Assert.Throws<ArgumentException>(() => optim.RMSProp(parameters, alpha: -1));
        Assert.Throws<ArgumentException>(() => optim.Adagrad(parameters, lr_decay: -1));
        Assert.Throws<ArgumentException>(() => optim.Adamax(parameters, weight_decay: -1));
    }

    [Fact]
    public void Defaults_AreThoseOfTorchSharp()
    {
        using var problem = new OptimizerFixtures();
        Parameter[] parameters = [problem.First];

        Assert.Equal(0, ((AdamW.Options)optim.AdamW(parameters).state_dict().Options[0]).weight_decay);
        Assert.Equal(0.01, optim.RMSProp(parameters).ParamGroups.Single().LearningRate);
        Assert.Equal(0.001, new RMSProp(parameters).ParamGroups.Single().LearningRate);
        Assert.Equal(0.002, optim.Adamax(parameters).ParamGroups.Single().LearningRate);
        Assert.Equal(0.01, optim.Adagrad(parameters).ParamGroups.Single().LearningRate);
    }

    /// <summary>The bytes are TorchSharp's: name, counts, options, then per state the step count and each tensor as type, axes, lengths, elements.</summary>
    [Fact]
    public void SaveStateDict_OfAdagrad_HasTheDocumentedBytes()
    {
        using var parameter = new Parameter(tensor(new float[] { 1, 2, 3 }));
        using Adagrad optimizer = optim.Adagrad([parameter], lr: 0.5, initial_accumulator_value: 2);
        using var stream = new MemoryStream();
        optimizer.save_state_dict(new BinaryWriter(stream));

        using var expected = new MemoryStream();
        var w = new BinaryWriter(expected);
        w.Write("Adagrad");
        w.Write((byte)1);   // groups
        w.Write((byte)1);   // states
        foreach (double option in new[] { 0.5, 0.5, 0, 2, 1e-10, 0 }) w.Write(option);
        w.Write(0L);        // steps
        w.Write([6, 1, 3]); // float32, one axis, of length 3
        for (int i = 0; i < 3; i++) w.Write(2f);
        Assert.Equal(expected.ToArray(), stream.ToArray());
    }

    [Fact]
    public void Adagrad_SparseGradient_IsNotImplemented()
    {
        using var scope = NewDisposeScope();
        using EmbeddingBag bag = nn.EmbeddingBag(7, 3, sparse: true, mode: EmbeddingBagMode.Sum);
        using Adagrad optimizer = optim.Adagrad(bag.parameters());
        bag.call(tensor(new long[] { 6, 2 }, [1, 2])).sum().backward();

        Assert.Throws<NotImplementedException>(() => optimizer.step());
    }

    [Fact]
    public void Adam_ImaginaryGradient_StepsAgainstIt()
    {
        using var scope = NewDisposeScope();
        var parameter = new Parameter(zeros([1], ScalarType.ComplexFloat64));
        using Adam optimizer = optim.Adam([parameter], lr: 0.1);
        (parameter * tensor(new System.Numerics.Complex(0, 1))).real.sum().backward();

        optimizer.step();

        System.Numerics.Complex step = parameter.detach().data<System.Numerics.Complex>().ToArray()[0];
        Assert.Equal(0, step.Real, 1e-9);
        Assert.Equal(0.1, step.Imaginary, 1e-6);
    }
}
