def write(path, rows, memory):
    pass
