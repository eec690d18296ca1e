namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public interface IModule<T1, T2, T3, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3);
        }

        /// <summary>A module with three inputs. Derived classes write <c>forward</c>; users call <c>call</c>, which also runs the hooks.</summary>
        public abstract class Module<T1, T2, T3, TResult> : HookableModule<Func<Module<T1, T2, T3, TResult>, T1, T2, T3, (T1, T2, T3)?>, Func<Module<T1, T2, T3, TResult>, T1, T2, T3, TResult, TResult>>,
            IModule<T1, T2, T3, TResult>
        {
            protected Module(string name) : base(name)
            {
            }

            public abstract TResult forward(T1 input1, T2 input2, T3 input3);

            public TResult call(T1 input1, T2 input2, T3 input3)
            {
                if (module_pre_hooks.Count > 0)
                    foreach (var hook in module_pre_hooks.Values.ToArray()) hook(this);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values.ToArray())
                        if (hook(this, input1, input2, input3) is { } modified) (input1, input2, input3) = modified;
                }

                TResult result = forward(input1, input2, input3);

                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values.ToArray())
                        if (hook(this, input1, input2, input3, result) is { } modified) result = modified;
                }
                if (module_post_hooks.Count > 0)
                    foreach (var hook in module_post_hooks.Values.ToArray()) hook(this);
                return result;
            }
        }
    }
}
