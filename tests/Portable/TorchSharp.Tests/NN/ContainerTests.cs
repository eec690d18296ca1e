using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Tests.NN;

public class ContainerTests
{
    private sealed class Holder : nn.Module
    {
        public readonly ModuleDict<Linear> dict = nn.ModuleDict(("b", nn.Linear(2, 3)), ("a", nn.Linear(3, 5)));
        public readonly ParameterList list = nn.ParameterList(new Parameter(ones(2)), new Parameter(zeros(3)));
        public readonly ParameterDict named = nn.ParameterDict(("y", new Parameter(ones(5))), ("x", new Parameter(zeros(7))));

        public Holder() : base(nameof(Holder)) => RegisterComponents();
    }

    [Fact]
    public void Containers_InAModule_AreRegisteredInOrder()
    {
        using var holder = new Holder();
        Assert.Equal(["dict.b.weight", "dict.b.bias", "dict.a.weight", "dict.a.bias", "list.0", "list.1", "named.y", "named.x"], holder.named_parameters().Select(p => p.name));
        Assert.Same(holder.named["x"], holder.get_parameter("named.x"));
        Assert.True(holder.has_parameter("list.1"));
        Assert.False(holder.has_parameter("list.2"));
        Assert.False(holder.has_parameter("list.-1"));
        Assert.Same(holder.dict["a"].bias, holder.get_parameter("dict.a.bias"));
    }

    [Fact]
    public void Containers_Converted_HoldTheNewParameters()
    {
        Package.Skip("a ParameterList cannot be converted");
        using var holder = new Holder();
        Parameter before = holder.list[0];
        holder.@double();
        Assert.True(before.IsInvalid);
        Assert.All(holder.parameters(), p => Assert.Equal(ScalarType.Float64, p.dtype));
        Assert.Equal(ScalarType.Float64, holder.named["y"].dtype);
        Assert.Equal(8, holder.state_dict().Count);
        holder.Dispose();
        Assert.True(holder.list[1].IsInvalid && holder.named["x"].IsInvalid && holder.dict["b"].weight.IsInvalid);
    }

    [Fact]
    public void Sequential_Slices_ShareTheirModules()
    {
        using var scope = NewDisposeScope();
        using Sequential net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2));
        Assert.Equal(3, net.Count);
        Sequential head = net[1..], first = net[(null, 1)];
        Assert.Equal(["1", "2"], head.named_children().Select(c => c.name));
        Assert.Same(net[0], first[0]);
        Tensor x = randn(7, 3);
        Assert.True(head.call(first.call(x)).Same(net.call(x)));
        Assert.Throws<IndexOutOfRangeException>(() => net[(0, 4)]);
    }

    [Fact]
    public void Sequential_Empty_GivesItsInputBack()
    {
        using Tensor x = ones(3);
        using Tensor y = nn.Sequential().call(x);
        Assert.NotSame(x, y);
        Assert.True(x.Same(y));
    }

    [Fact]
    public void Sequential_Appended_NamesByPlaceOrGivenName()
    {
        using Sequential net = nn.Sequential().append(nn.Linear(3, 5)).append("act", nn.Tanh()).append(nn.Linear(5, 2));
        Assert.Equal(["0.weight", "0.bias", "2.weight", "2.bias"], net.named_parameters().Select(p => p.name));
        Assert.Equal(["0", "act", "2"], net.named_modules().Select(m => m.name));
        net.eval();
        Assert.All(net.children(), m => Assert.False(m.training));
        Assert.Equal(["0.weight", "0.bias", "2.weight", "2.bias"], net.state_dict().Keys);
    }

    [Fact]
    public void ModuleList_IsAList()
    {
        using Linear a = nn.Linear(2, 3), b = nn.Linear(3, 5), c = nn.Linear(5, 7);
        ModuleList<Linear> list = nn.ModuleList(a, c);
        list.Insert(1, b);
        Assert.Equal([a, b, c], list);
        Assert.Equal(1, list.IndexOf(b));
        list.RemoveAt(0);
        list.append(a);
        Assert.Equal([b, c, a], list);
        Assert.True(list.Remove(c));
        Assert.DoesNotContain(c, list);
    }

    [Fact]
    public void OrderedDict_KeepsTheOrderOfArrival()
    {
        Package.Skip("the dictionary's pairs cannot be enumerated");
        var dict = new OrderedDict<string, int> { { "b", 2 }, { "a", 1 } };
        dict["c"] = 3;
        dict["b"] = 5;
        Assert.Equal([("b", 5), ("a", 1), ("c", 3)], ((IEnumerable<(string, int)>)dict).ToList());
        Assert.Equal([KeyValuePair.Create("b", 5), KeyValuePair.Create("a", 1), KeyValuePair.Create("c", 3)], ((IEnumerable<KeyValuePair<string, int>>)dict).ToList());
        Assert.Equal(["b", "a", "c"], dict.Keys);
        Assert.Equal([5, 1, 3], dict.values());
        Assert.True(dict.Remove("a"));
        Assert.False(dict.Remove("a"));
        Assert.Equal(("c", 3), dict[1]);
        dict[1] = ("d", 7);
        Assert.False(dict.ContainsKey("c"));
        Assert.Equal(7, dict["d"]);
        Assert.Throws<ArgumentException>(() => dict[1] = ("b", 11));
        Assert.Throws<ArgumentException>(() => dict.Add("d", 1));
        dict.Insert(0, ("e", 11));
        Assert.Equal(["e", "b", "d"], dict.keys());
        Assert.Throws<IndexOutOfRangeException>(() => dict.RemoveAt(3));
        dict.clear();
        Assert.Empty(((IEnumerable<(string, int)>)dict).ToList());
        Assert.Throws<KeyNotFoundException>(() => dict["e"]);
    }
}
