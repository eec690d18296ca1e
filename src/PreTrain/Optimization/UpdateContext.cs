namespace PreTrain.Optimization;

/// <summary>What a rule's numbers depend on: the number of the step from 1, the group's learning rate, and whether the group has weight decay.</summary>
internal readonly record struct UpdateContext(long Step, double LearningRate, bool Decays);
