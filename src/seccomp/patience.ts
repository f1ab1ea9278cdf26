// How long a seccomp agent may take over a call that tsrun waits for: one that is there but does not answer
// must not keep a command for ever. Pure; for who waits, and then loads nothing else of agents.

export const AGENT_PATIENCE_SECONDS = 10;
export const AGENT_IMPATIENCE = "the seccomp agent has not answered in time";
