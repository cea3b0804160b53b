// @VERSION@: says which server answered, and the version it loaded when it started.
fetch("api/version", { cache: "no-store" })
  .then((answer) => answer.json())
  .then(({ version, node }) => {
    document.getElementById("server-version").textContent = version;
    document.getElementById("node").textContent = node;
  })
  .catch(() => {
    document.getElementById("server-version").textContent = "확인 불가";
    document.getElementById("node").textContent = "확인 불가";
  });
