namespace PreTrain.Distillation;

/// <summary>How far the student's distribution q of a token is from the teacher's p.</summary>
public enum DistillationDivergence
{
    /// <summary>KL(p‖q): the student covers whatever the teacher deems possible (Hinton et al. 2015, section 2).</summary>
    ForwardKl,

    /// <summary>KL(q‖p): the student keeps to what the teacher deems likely (Gu et al. 2024, "MiniLLM", section 2.1).</summary>
    ReverseKl,

    /// <summary>½ KL(p‖q) + ½ KL(q‖p): both at once (Kullback and Leibler 1951, "On Information and Sufficiency", section 2, whose J is twice that).</summary>
    SymmetricKl,

    /// <summary>½ KL(p‖m) + ½ KL(q‖m) with m = ½ (p + q): symmetric and bounded (Agarwal et al. 2024, "On-Policy Distillation", section 2, with β = ½).</summary>
    JensenShannon,
}
