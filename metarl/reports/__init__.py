"""Reports: figures, scorecards, diagrams of tasks, videos."""
