namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public interface IModule<T, TResult>
        {
            TResult call(T input1);
        }

        /// <summary>A module with one input. Derived classes write <c>forward</c>; users call <c>call</c>, which also runs the hooks.</summary>
        public abstract class Module<T, TResult> : HookableModule<Func<Module<T, TResult>, T, T>, Func<Module<T, TResult>, T, TResult, TResult>>,
            IModule<T, TResult>
        {
            protected Module(string name) : base(name)
            {
            }

            public abstract TResult forward(T input);

            public TResult call(T input)
            {
                if (module_pre_hooks.Count > 0)
                    foreach (var hook in module_pre_hooks.Values.ToArray()) hook(this);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values.ToArray())
                        if (hook(this, input) is { } modified) input = modified;
                }

                TResult result = forward(input);

                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values.ToArray())
                        if (hook(this, input, result) is { } modified) result = modified;
                }
                if (module_post_hooks.Count > 0)
                    foreach (var hook in module_post_hooks.Values.ToArray()) hook(this);
                return result;
            }
        }
    }
}
