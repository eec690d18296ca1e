namespace TorchSharp;

/// <summary>The stack of dispose scopes of one thread.</summary>
public class DisposeScopeManager
{
    [ThreadStatic] private static DisposeScopeManager? t_instance;

    internal static DisposeScopeManager Current => t_instance ??= new DisposeScopeManager();

    internal ThreadDisposeScopeStatistics ThreadStatistics { get; } = new();

    internal DisposeScope? Scope { get; private set; }

    public static ThreadDisposeScopeStatistics Statistics => Current.ThreadStatistics;

    internal DisposeScope Push() => Scope = new DisposeScope(this, Scope);

    /// <summary>Takes a scope out of the stack, wherever it is in it.</summary>
    internal void Remove(DisposeScope scope)
    {
        if (ReferenceEquals(Scope, scope))
        {
            Scope = scope.Outer;
            return;
        }
        for (DisposeScope? inner = Scope; inner is not null; inner = inner.Outer)
        {
            if (!ReferenceEquals(inner.Outer, scope)) continue;
            inner.Outer = scope.Outer;
            return;
        }
    }
}
