using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Scopes;

public sealed class DisposeScopeTests
{
    [Fact]
    public void Scope_Ends_DisposesWhatWasMadeInIt()
    {
        using Tensor before = zeros(2);
        Tensor inside, sum;
        using (NewDisposeScope())
        {
            inside = ones(2);
            sum = before + inside;
        }
        using Tensor after = ones(2);

        Assert.True(inside.IsInvalid);
        Assert.True(sum.IsInvalid);
        Assert.False(before.IsInvalid);
        Assert.False(after.IsInvalid);
    }

    [Fact]
    public void Scopes_Nested_EachOwnsItsOwn()
    {
        using DisposeScope outer = NewDisposeScope();
        Tensor a = zeros(2);
        using (DisposeScope inner = NewDisposeScope())
        {
            Tensor b = zeros(2);
            Assert.Same(inner, CurrentDisposeScope);
            Assert.True(inner.Contains(b));
            Assert.False(inner.Contains(a));
            Assert.True(outer.Contains(a));
        }
        Assert.Same(outer, CurrentDisposeScope);
        Assert.False(a.IsInvalid);
        Assert.Equal([a], outer.DisposablesView);
    }

    [Fact]
    public void MoveToOuter_OneTwoThreeAndMany_SurviveTheScope()
    {
        using DisposeScope outer = NewDisposeScope();
        Tensor[] t;
        Tensor left;
        using (DisposeScope inner = NewDisposeScope())
        {
            t = [.. Enumerable.Range(0, 8).Select(i => tensor(i))];
            left = tensor(8);
            Assert.Same(t[0], inner.MoveToOuter(t[0]));
            Assert.Equal((t[1], t[2]), inner.MoveToOuter(t[1], t[2]));
            Assert.Equal((t[3], t[4], t[5]), inner.MoveToOuter(t[3], t[4], t[5]));
            inner.MoveToOuter(new List<Tensor> { t[6] });
            Assert.Same(t[7], t[7].MoveToOuterDisposeScope());
            Assert.Equal(1, inner.DisposablesCount);
        }

        Assert.True(left.IsInvalid);
        Assert.Equal(Enumerable.Range(0, 8), t.Select(x => x.item<int>()));
        Assert.Equal(8, outer.DisposablesCount);
    }

    [Fact]
    public void MoveToOuter_OutermostScope_Detaches()
    {
        Tensor t;
        using (NewDisposeScope()) t = zeros(2).MoveToOuterDisposeScope();

        Assert.False(t.IsInvalid);
        t.Dispose();
    }

    [Fact]
    public void Detach_EveryForm_SurvivesAllScopes()
    {
        Tensor[] t;
        using (NewDisposeScope())
        using (DisposeScope inner = NewDisposeScope())
        {
            t = [.. Enumerable.Range(0, 8).Select(i => tensor(i))];
            Assert.Same(t[0], inner.Detach(t[0]));
            Assert.Equal((t[1], t[2]), inner.Detach(t[1], t[2]));
            Assert.Equal((t[3], t[4], t[5]), inner.Detach(t[3], t[4], t[5]));
            inner.Detach((IEnumerable<IDisposable>)[t[6]]);
            Assert.Same(t[7], t[7].DetachFromDisposeScope());
        }

        foreach (Tensor x in t)
        {
            Assert.False(x.IsInvalid);
            x.Dispose();
        }
    }

    [Fact]
    public void MoveToOther_ScopeOrTensor_ChangesTheOwner()
    {
        using DisposeScope first = NewDisposeScope();
        Tensor anchor = zeros(1);
        using DisposeScope second = NewDisposeScope();
        Tensor a = zeros(2), b = zeros(2), c = zeros(2);
        second.MoveToOther(first, a);
        b.MoveToOtherDisposeScope(anchor);
        c.MoveToOtherDisposeScope((DisposeScope?)null);

        Assert.True(first.Contains(a));
        Assert.True(first.Contains(b));
        Assert.False(first.Contains(c) || second.Contains(c));
        c.MoveToOtherDisposeScope(second);
        Assert.True(second.Contains(c));
    }

    [Fact]
    public void MoveToOuter_OfATensorElsewhere_DoesNothing()
    {
        using DisposeScope outer = NewDisposeScope();
        Tensor a = zeros(2);
        using DisposeScope inner = NewDisposeScope();
        inner.MoveToOuter(a);
        inner.Detach(a);

        Assert.True(outer.Contains(a));
    }

    [Fact]
    public void Attach_ATensorFromOutside_TakesItOver()
    {
        Tensor t = zeros(2);
        using (DisposeScope scope = NewDisposeScope())
        {
            scope.Attach(t);
            scope.Attach(t);
            Assert.Equal(1, scope.DisposablesCount);
            Assert.Throws<InvalidOperationException>(() => scope.Attach(new MemoryStream()));
        }

        Assert.True(t.IsInvalid);
    }

    [Fact]
    public void DisposeEverythingBut_KeepsThose()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = zeros(2), b = zeros(2), c = zeros(2), d = zeros(2);

        Assert.Equal((a, b, c), scope.DisposeEverythingBut(a, b, c));
        Assert.True(d.IsInvalid);
        Assert.Equal((a, b), scope.DisposeEverythingBut(a, b));
        Assert.Same(a, scope.DisposeEverythingBut(a));
        Assert.Equal([a], scope.DisposablesView);
        Tensor e = zeros(2);
        scope.DisposeEverythingBut((IEnumerable<IDisposable>)[e]);
        Assert.True(a.IsInvalid);
        scope.DisposeEverything();
        Assert.True(e.IsInvalid);
        Assert.Equal(0, scope.DisposablesCount);
        Assert.False(zeros(2).IsInvalid);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void Dispose_OfATensor_LeavesItsScope()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] all = [.. Enumerable.Range(0, 101).Select(i => tensor(i))];
        foreach (Tensor t in all.Where((_, i) => i % 2 == 0)) t.Dispose();

        Assert.Equal(50, scope.DisposablesCount);
        Assert.Equal(all.Where((_, i) => i % 2 == 1), scope.DisposablesView);
        Tensor more = tensor(101);
        Assert.True(scope.Contains(more));
        Assert.Equal(51, scope.DisposablesCount);
    }

    [Fact]
    public void Scope_ManyTensorsComeAndGo_StaysSmall()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor kept = zeros(1);
        for (int i = 0; i < 10007; i++) zeros(1).Dispose();

        Assert.Equal([kept], scope.DisposablesView);
    }

    [Fact]
    public void Scope_Disposed_RefusesFurtherUse()
    {
        DisposeScope scope = NewDisposeScope();
        using Tensor t = zeros(2);
        scope.Detach(t);
        scope.Dispose();
        scope.Dispose();

        Assert.Throws<ObjectDisposedException>(() => scope.DisposablesCount);
        Assert.Throws<ObjectDisposedException>(() => scope.DisposablesView);
        Assert.Throws<ObjectDisposedException>(() => scope.Attach(t));
        Assert.Throws<ObjectDisposedException>(() => scope.Detach(t));
        Assert.Throws<ObjectDisposedException>(scope.DisposeEverything);
    }

    [Fact]
    public void Scopes_ClosedOutOfOrder_LeaveTheStackWhole()
    {
        DisposeScope outer = NewDisposeScope();
        DisposeScope middle = NewDisposeScope();
        DisposeScope inner = NewDisposeScope();
        Tensor t = zeros(2);
        middle.Dispose();

        Assert.Same(inner, CurrentDisposeScope);
        inner.MoveToOuter(t);
        Assert.True(outer.Contains(t));
        inner.Dispose();
        Assert.Same(outer, CurrentDisposeScope);
        outer.Dispose();
        Assert.Null(CurrentDisposeScope);
        Assert.True(t.IsInvalid);
    }

    [Fact]
    public void Scopes_OfAnotherThread_AreItsOwn()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? made = null;
        var thread = new Thread(() =>
        {
            Assert.Null(CurrentDisposeScope);
            made = zeros(2);
        });
        thread.Start();
        thread.Join();

        Assert.Equal(0, scope.DisposablesCount);
        Assert.False(made!.IsInvalid);
        made.Dispose();
    }

    [Fact]
    public void WrappedTensorDisposeScope_KeepsTheResultOnly()
    {
        Tensor? step = null;
        using Tensor result = WrappedTensorDisposeScope(() =>
        {
            step = ones(2);
            return step + step;
        });

        Assert.True(step!.IsInvalid);
        Assert.Equal([2f, 2], result.data<float>().ToArray());
    }

    [Fact]
    public void Parameter_OfATensorInAScope_TakesItsPlace()
    {
        Parameter parameter;
        using (DisposeScope scope = NewDisposeScope())
        {
            Tensor t = zeros(2);
            parameter = new Parameter(t);
            Assert.True(t.IsInvalid);
            Assert.Equal([parameter], scope.DisposablesView);
        }
        Assert.True(parameter.IsInvalid);

        using Tensor outside = zeros(2);
        using (NewDisposeScope()) parameter = new Parameter(outside);
        Assert.False(parameter.IsInvalid);
        Assert.True(parameter.requires_grad && parameter.is_leaf);
        parameter.Dispose();
    }

    [Fact]
    public void MarkAsDisposed_OfAHeldTensor_ForgetsIt()
    {
        Tensor t;
        using (DisposeScope scope = NewDisposeScope())
        {
            t = zeros(2);
            scope.MarkAsDisposed(t);
            Assert.False(scope.Contains(t));
        }
        Assert.False(t.IsInvalid);
        t.Dispose();
    }
}
