using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>
/// Disposes the tensors that were created on this thread while it was the innermost scope, except those that were detached or
/// moved. A tensor knows its place in its scope, so entering and leaving cost a few stores.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    private DisposeScopeManager? _manager;
    private Tensor?[] _items = new Tensor?[16];   // holes where a tensor left early
    private int _end;
    private int _count;

    internal DisposeScope(DisposeScopeManager manager, DisposeScope? outer)
    {
        _manager = manager;
        Outer = outer;
    }

    internal DisposeScope? Outer { get; set; }

    private DisposeScopeManager Manager => _manager ?? throw new ObjectDisposedException(nameof(DisposeScope));

    /// <summary>The tensors held now, in the order of their arrival; a copy.</summary>
    public IReadOnlyList<IDisposable> DisposablesView
    {
        get
        {
            _ = Manager;
            return Held();
        }
    }

    public int DisposablesCount
    {
        get
        {
            _ = Manager;
            return _count;
        }
    }

    public bool Contains(IDisposable disposable) => disposable is Tensor t && ReferenceEquals(t.OwningDisposeScope, this);

    public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(Outer, disposable);

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        MoveToOther(Outer, first, second);

    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable => MoveToOther(Outer, first, second, third);

    public void MoveToOuter(params IDisposable[] disposables) => MoveToOther(Outer, (IEnumerable<IDisposable>)disposables);

    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOther(Outer, disposables);

    public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        Move(scope, disposable);
        return disposable;
    }

    public (T1 first, T2 second) MoveToOther<T1, T2>(DisposeScope? scope, T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable
    {
        Move(scope, first);
        Move(scope, second);
        return (first, second);
    }

    public (T1 first, T2 second, T3 third) MoveToOther<T1, T2, T3>(DisposeScope? scope, T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable
    {
        Move(scope, first);
        Move(scope, second);
        Move(scope, third);
        return (first, second, third);
    }

    public void MoveToOther(DisposeScope? scope, params IDisposable[] disposables) => MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

    public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
    {
        foreach (IDisposable d in disposables) Move(scope, d);
    }

    public T Detach<T>(T disposable) where T : IDisposable => MoveToOther(null, disposable);

    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        MoveToOther(null, first, second);

    public (T1 first, T2 second, T3 third) Detach<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable => MoveToOther(null, first, second, third);

    public void Detach(params IDisposable[] disposables) => MoveToOther(null, (IEnumerable<IDisposable>)disposables);

    public void Detach(IEnumerable<IDisposable> disposables) => MoveToOther(null, disposables);

    public void Attach(IDisposable disposable) => AttachOne(disposable);

    public void Attach(params IDisposable[] disposables) => Attach((IEnumerable<IDisposable>)disposables);

    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        var list = disposables.ToList();
        foreach (IDisposable d in list) AttachOne(d);
        return list;
    }

    public void DisposeEverything() => DisposeEverythingBut();

    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeEverythingBut([keep]);
        return keep;
    }

    public (T1 first, T2 second) DisposeEverythingBut<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable
    {
        DisposeEverythingBut([first, second]);
        return (first, second);
    }

    public (T1 first, T2 second, T3 third) DisposeEverythingBut<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable
    {
        DisposeEverythingBut([first, second, third]);
        return (first, second, third);
    }

    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        _ = Manager;
        var keep = new HashSet<IDisposable>(inKeep, ReferenceEqualityComparer.Instance);
        for (int i = 0; i < _end; i++)
        {
            // Dispose takes the tensor out of this scope.
            if (_items[i] is { } t && (keep.Count == 0 || !keep.Contains(t))) t.Dispose();
        }
        Compact();
    }

    /// <summary>Tells the scope that something it holds was disposed elsewhere.</summary>
    public void MarkAsDisposed(IDisposable disposable)
    {
        _ = Manager;
        if (disposable is Tensor t && ReferenceEquals(t.OwningDisposeScope, this)) Remove(t);
    }

    public void Dispose()
    {
        if (_manager is null) return;
        DisposeEverything();
        _manager.Remove(this);
        _manager = null;
    }

    internal void Add(Tensor t)
    {
        if (_end == _items.Length)
        {
            if (_count <= _end / 2) Compact();
            else Array.Resize(ref _items, _items.Length * 2);
        }
        t.PlaceInScope = _end;
        t.OwningDisposeScope = this;
        _items[_end++] = t;
        _count++;
    }

    internal void Remove(Tensor t)
    {
        _items[t.PlaceInScope] = null;
        t.OwningDisposeScope = null;
        _count--;
        while (_end > 0 && _items[_end - 1] is null) _end--;
    }

    /// <summary>Lets the scope's place be taken by another tensor over the same data.</summary>
    internal static void Replace(Tensor original, Tensor replacement)
    {
        DisposeScope? scope = original.OwningDisposeScope;
        if (scope is null) return;
        scope.Remove(original);
        replacement.OwningDisposeScope?.Remove(replacement);
        scope.Add(replacement);
    }

    private void Move(DisposeScope? target, IDisposable disposable)
    {
        DisposeScopeManager manager = Manager;
        if (disposable is not Tensor t || !ReferenceEquals(t.OwningDisposeScope, this)) return;
        Remove(t);
        if (target is null) manager.ThreadStatistics.TensorStatistics.Detached++;
        else target.Add(t);
    }

    private void AttachOne(IDisposable disposable)
    {
        DisposeScopeManager manager = Manager;
        if (disposable is not Tensor t) throw new InvalidOperationException("DisposeScope can only manage Tensor or PackedSequence");
        if (ReferenceEquals(t.OwningDisposeScope, this)) return;
        t.OwningDisposeScope?.Remove(t);
        Add(t);
        manager.ThreadStatistics.TensorStatistics.Attached++;
    }

    private Tensor[] Held() => _items.Take(_end).OfType<Tensor>().ToArray();

    private void Compact()
    {
        int to = 0;
        for (int from = 0; from < _end; from++)
        {
            if (_items[from] is not { } t) continue;
            t.PlaceInScope = to;
            _items[to++] = t;
        }
        Array.Clear(_items, to, _items.Length - to);
        _end = to;
    }
}
